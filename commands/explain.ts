import { Args } from '@oclif/core';
import { BaseCommand } from '../src/cli/index.js';

export default class Explain extends BaseCommand {
  static override summary = 'Say what an error code means, why it comes, and what to do.';
  static override description =
    `Takes a result code of the gateway in any notation, a name that FreeRDP logs, an exit code of xfreerdp, the code in a dialog of mstsc, or a line of a log in quotation marks. Without one it lists all that it knows.

A small number can mean several things; they come with the likeliest first.

The exit code is 3 when nothing is known of it.`;
  static override examples = [
    { description: 'From a ticket.', command: '<%= config.bin %> explain 0x800759DA' },
    { description: 'From the log of FreeRDP.', command: '<%= config.bin %> explain ERRCONNECT_TLS_CONNECT_FAILED' },
    { description: 'xfreerdp ended with this exit code.', command: '<%= config.bin %> explain 131' },
    { description: 'All that has to do with certificates.', command: '<%= config.bin %> explain | grep certificate' },
  ];

  static override args = {
    code: Args.string({ description: 'Number, name or line of a log.' }),
  };

  async run(): Promise<unknown> {
    const { args } = await this.parse(Explain);
    const { explain, explainable } = await import('../src/explain/explain.js');
    const { explanationLines, listLines } = await import('../src/explain/text.js');
    const { colours: paints } = await import('../src/render/theme.js');
    const { columns } = process.stdout;
    const explanations = args.code === undefined ? explainable() : explain(args.code);
    const width = columns === undefined ? {} : { width: columns };
    const lines = (args.code === undefined ? listLines : explanationLines)(explanations, { paints, ...width });
    this.show(lines.join('\n'));
    return { ...(args.code !== undefined && { query: args.code }), explanations };
  }
}
