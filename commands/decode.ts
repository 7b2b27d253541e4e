import { Flags } from '@oclif/core';
import { BaseCommand, EXIT } from '../src/cli.js';

export default class Decode extends BaseCommand {
  static override summary = 'Show one packet of the gateway protocol, field by field.';
  static override description =
    `Each line has the offset and the length of a field in bytes, its name as MS-TSGU has it, and its value. What cannot be read is shown as it is, with the reason.

The exit code is 3 when the packet could not be read to its end.`;
  static override examples = [
    { description: 'A keep-alive.', command: '<%= config.bin %> decode --hex 0d00000008000000' },
    {
      description: 'A refusal, for a script.',
      command: '<%= config.bin %> decode --hex "09 00 00 00 10 00 00 00 dd 59 07 80 00 00 00 00" --json',
    },
  ];

  static override flags = {
    hex: Flags.string({
      summary: 'The bytes of the packet in hexadecimal; white space, commas, colons and 0x are skipped.',
      helpValue: 'BYTES',
      required: true,
    }),
  };

  async run(): Promise<unknown> {
    const { flags } = await this.parse(Decode);
    const { decodeHex } = await import('../src/decode.js');
    const { colours } = await import('../src/render/theme.js');
    const { pdu, lines } = decodeHex(flags.hex);
    this.show(lines(colours, process.stdout.columns ?? 80).join('\n'));
    if (pdu.error) process.exitCode = EXIT.input;
    return pdu;
  }
}
