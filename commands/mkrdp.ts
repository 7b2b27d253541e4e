import { Flags } from '@oclif/core';
import { BaseCommand, configFlag } from '../src/cli/index.js';

export default class Mkrdp extends BaseCommand {
  static override summary = 'Make an .rdp file that opens one desktop through the gateway.';
  static override description =
    `The file holds a fresh token, signed with the key in the data folder, that lets its bearer reach this one target until it expires. Whoever has the file can use it, so it is readable by you alone.

A file for the same target is replaced, any other file only with --force.`;
  static override examples = [
    { description: 'Make 192.168.0.101.rdp.', command: '<%= config.bin %> mkrdp --target 192.168.0.101' },
    {
      description: 'Make one for somebody else that is valid for a week.',
      command: '<%= config.bin %> mkrdp --target desk:3390 --user alice --ttl 7d',
    },
    {
      description: 'Add a setting, and write the file to stdout.',
      command: '<%= config.bin %> mkrdp --target desk --set "screen mode id:i:2" --output -',
    },
  ];

  static override flags = {
    target: Flags.string({
      summary: 'The desktop: a name or address, with a port unless it is 3389.',
      helpValue: 'HOST[:PORT]',
      required: true,
    }),
    gateway: Flags.string({
      summary: 'The gateway as clients reach it. The default is hostname, else a name in its certificate.',
      helpValue: 'HOST[:PORT]',
    }),
    user: Flags.string({ summary: 'Whom the token is for. The default is you.', helpValue: 'NAME' }),
    ttl: Flags.string({ summary: 'How long the token lives, 1m to 30d. The default is 8h.', helpValue: '30m|8h|7d' }),
    output: Flags.string({
      summary: 'Where to write, - is stdout. The default is HOST.rdp, or HOST-PORT.rdp where the port is not 3389.',
      helpValue: 'FILE',
    }),
    set: Flags.string({
      summary: 'Change or add a setting; may be repeated.',
      helpValue: 'NAME:TYPE:VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    force: Flags.boolean({ summary: 'Replace whatever file is there.' }),
    ...configFlag,
  };

  async run(): Promise<unknown> {
    const { flags } = await this.parse(Mkrdp);
    const { makeFile } = await import('../src/cli/mkrdp.js');
    const made = await makeFile({ ...flags, dataDir: this.dataDir });
    for (const warning of made.warnings) this.warn(warning);
    if (made.bytes !== undefined) this.showBytes(made.bytes);
    if (made.result !== undefined) this.show(made.result);
    this.say(made.next);
    return made.json;
  }
}
