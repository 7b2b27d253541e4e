import { Flags } from '@oclif/core';
import { BaseCommand, configFlag, repeatable } from '../src/cli/index.js';

export default class Mkrdp extends BaseCommand {
  static override summary = 'Make an .rdp file for one desktop behind the gateway.';
  static override description =
    `The file contains a new access token, which is signed with the token key in the data folder. The token allows access to this one target until it expires. Anyone with the file can use it, so only you can read it.

An existing file for the same target is replaced, any other file only with --force.`;
  static override examples = [
    {
      description: 'Write 192.168.0.101.rdp for this desktop.',
      command: '<%= config.bin %> mkrdp --target 192.168.0.101',
    },
    {
      description: 'Make a file for another user that is valid for a week.',
      command: '<%= config.bin %> mkrdp --target desk:3390 --user alice --ttl 7d',
    },
    {
      description: 'Add a setting and write the file to stdout.',
      command: '<%= config.bin %> mkrdp --target desk --set "screen mode id:i:2" --output -',
    },
  ];

  static override flags = {
    target: Flags.string({
      summary:
        'Host name or address of the desktop. The default port is 3389. An IPv6 address with a port needs brackets.',
      helpValue: 'HOST[:PORT]',
      required: true,
    }),
    gateway: Flags.string({
      summary:
        'Name or address of the gateway for clients. The default is the setting hostname, else a name in its certificate, with the port of the setting listen.',
      helpValue: 'HOST[:PORT]',
    }),
    user: Flags.string({ summary: 'User of the token. The default is your user name.', helpValue: 'NAME' }),
    ttl: Flags.string({ summary: 'Lifetime of the token, 1m to 30d. The default is 8h.', helpValue: '30m|8h|7d' }),
    output: Flags.string({
      summary: 'Output file, - for stdout. The default is HOST.rdp, or HOST-PORT.rdp if the port is not 3389.',
      helpValue: 'FILE',
    }),
    set: Flags.string({
      summary: 'Change or add a setting of the file; may be repeated.',
      helpValue: 'NAME:TYPE:VALUE',
      ...repeatable,
    }),
    force: Flags.boolean({ summary: 'Replace any existing file.' }),
    ...configFlag,
  };

  async run(): Promise<unknown> {
    const { flags } = await this.parse(Mkrdp);
    const { makeFile } = await import('../src/cli/mkrdp.js');
    const made = await makeFile({ ...flags, dataDir: this.dataDir });
    for (const warning of made.warnings) this.warn(warning);
    if (made.bytes !== undefined) this.showBytes(made.bytes);
    if (made.result !== undefined) this.show(made.result);
    this.showInfo(made.next);
    return made.json;
  }
}
