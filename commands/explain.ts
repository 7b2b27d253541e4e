import { Args } from '@oclif/core';
import { BaseCommand } from '../src/cli/index.js';

export default class Explain extends BaseCommand {
  static override summary = 'Explain an error code: its meaning, its causes and what to do.';
  static override description =
    `CODE is a result code of the gateway (HRESULT) in any notation, an error name from the log of FreeRDP, an exit code of xfreerdp, an error code from a dialog of mstsc, or a log line in quotes. Without CODE, all known codes are listed.

A small number can have several meanings; the likeliest is listed first.

The exit code is 3 if the code is unknown.`;
  static override examples = [
    { description: 'Explain a result code.', command: '<%= config.bin %> explain 0x800759DA' },
    {
      description: 'Explain an error from the log of FreeRDP.',
      command: '<%= config.bin %> explain ERRCONNECT_TLS_CONNECT_FAILED',
    },
    { description: 'Explain an exit code of xfreerdp.', command: '<%= config.bin %> explain 131' },
    { description: 'Find the codes about certificates.', command: '<%= config.bin %> explain | grep certificate' },
  ];

  static override args = {
    code: Args.string({ description: 'Number, name or log line.' }),
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
