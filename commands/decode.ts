import { Args, Flags } from '@oclif/core';
import { BaseCommand, EXIT } from '../src/cli/index.js';

export default class Decode extends BaseCommand {
  static override summary = 'Show the gateway conversations in a capture, field by field.';
  static override description =
    `Reads pcap, pcapng (gzip too) and packets as hexadecimal text. TLS is opened with --keylog, or with the keys that a pcapng carries; SSLKEYLOGFILE is read when it is set.

Each conversation has a header, each packet a line, each field its offset and length in bytes. Remarks say what is wrong and why a connection failed; "rdgw explain" knows more about a code.

--filter takes terms that all have to hold: type, direction (client, server), connection, status, note, each with = or != and values separated by commas.

The exit code is 3 when nothing was understood.`;
  static override examples = [
    { description: 'A capture with its keys.', command: '<%= config.bin %> decode capture.pcap --keylog keys.txt' },
    { description: 'What went wrong.', command: '<%= config.bin %> decode capture.pcapng --filter note=error,warning' },
    { description: 'One packet.', command: '<%= config.bin %> decode --hex 0d00000008000000' },
  ];

  static override args = {
    file: Args.string({ description: 'A capture, a file of hexadecimal text, or - for stdin.' }),
  };

  static override flags = {
    keylog: Flags.string({ summary: 'TLS key log, NSS format.', helpValue: 'FILE', multiple: true }),
    hex: Flags.string({ summary: 'Packets as hexadecimal text, in place of a file.', helpValue: 'TEXT' }),
    encoding: Flags.string({
      summary: 'How text is written: hex or base64.',
      helpValue: 'NAME',
      options: ['hex', 'base64'],
      default: 'hex',
    }),
    direction: Flags.string({
      summary: 'Who sent the packets of a text: client or server.',
      helpValue: 'SENDER',
      options: ['client', 'server'],
    }),
    format: Flags.string({
      summary: 'How to print: tree, or ndjson with one object a line.',
      helpValue: 'NAME',
      options: ['tree', 'ndjson'],
      default: 'tree',
    }),
    stats: Flags.boolean({ summary: 'Show a summary of each conversation instead of its packets.' }),
    filter: Flags.string({ summary: 'Show only what matches.', helpValue: 'TERMS' }),
    limit: Flags.integer({ summary: 'End after so many packets.', helpValue: 'COUNT', min: 1 }),
    inner: Flags.boolean({ summary: 'Look into the RDP connection inside as well.' }),
    bytes: Flags.boolean({ summary: 'Show the bytes of each field beside it.' }),
    payload: Flags.boolean({ summary: 'Show the payload of DATA too.' }),
    verbose: Flags.boolean({ summary: 'Show every field of every packet.' }),
    secrets: Flags.boolean({ summary: 'Show credentials, NTLM responses and signatures of tokens.' }),
    write: Flags.string({ summary: 'Write the RDP stream inside as a capture.', helpValue: 'FILE' }),
  };

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(Decode);
    const { decodeCommand } = await import('../src/decode/command.js');
    const result = await decodeCommand({ ...flags, file: args.file, json: this.jsonEnabled() });
    if (!result.understood) process.exitCode = EXIT.input;
    for (const warning of result.warnings) this.warn(warning);
    return result.summary;
  }
}
