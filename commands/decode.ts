import { Args, Flags } from '@oclif/core';
import { BaseCommand, EXIT, repeatable } from '../src/cli/index.js';

export default class Decode extends BaseCommand {
  static override summary = 'Decode the gateway conversations in a capture, field by field.';
  static override description =
    `Reads pcap and pcapng, also with gzip, and packets as hexadecimal text. TLS is decrypted with the keys of --keylog, or of the file in SSLKEYLOGFILE without --keylog, and with keys inside a pcapng file.

The output has a header for each conversation, a line for each packet, and the offset and length of each field in bytes. Notes show errors and why a connection failed. "rdgw explain CODE" explains a result code.

--filter takes terms separated by spaces, all of which must match: KEY=VALUE[,VALUE...] or KEY!=VALUE[,VALUE...]. Keys are type (of packet or event), direction (client, server), connection (number), status (result code) and note (code, or error, warning, note).

The exit code is 3 if nothing could be decoded.`;
  static override examples = [
    {
      description: 'Decode a capture with its TLS keys.',
      command: '<%= config.bin %> decode capture.pcap --keylog keys.txt',
    },
    {
      description: 'Show errors and warnings only.',
      command: '<%= config.bin %> decode capture.pcapng --filter note=error,warning',
    },
    { description: 'Decode one packet.', command: '<%= config.bin %> decode --hex 0d00000008000000' },
  ];

  static override args = {
    file: Args.string({ description: 'Capture, file of hexadecimal text, or - for stdin.' }),
  };

  static override flags = {
    keylog: Flags.string({ summary: 'TLS key log in NSS format; may be repeated.', helpValue: 'FILE', ...repeatable }),
    hex: Flags.string({ summary: 'Packets as hexadecimal text, instead of a file.', helpValue: 'TEXT' }),
    encoding: Flags.string({
      summary: 'Encoding of packets given as text: hex or base64.',
      helpValue: 'NAME',
      options: ['hex', 'base64'],
      default: 'hex',
    }),
    direction: Flags.string({
      summary: 'Sender of packets given as text: client or server.',
      helpValue: 'SENDER',
      options: ['client', 'server'],
    }),
    format: Flags.string({
      summary: 'Output format: tree, or ndjson with one object per line.',
      helpValue: 'NAME',
      options: ['tree', 'ndjson'],
      default: 'tree',
    }),
    stats: Flags.boolean({ summary: 'Show a summary of each conversation instead of its packets.' }),
    filter: Flags.string({ summary: 'Show only matching packets and events, see below.', helpValue: 'TERMS' }),
    limit: Flags.integer({ summary: 'Stop after this number of shown packets.', helpValue: 'COUNT', min: 1 }),
    inner: Flags.boolean({ summary: 'Also decode the RDP connection inside the tunnel.' }),
    bytes: Flags.boolean({ summary: 'Show the bytes of each field.' }),
    payload: Flags.boolean({ summary: 'Show the payload of DATA packets.' }),
    verbose: Flags.boolean({ summary: 'Show every field of every packet.' }),
    secrets: Flags.boolean({ summary: 'Show credentials, NTLM responses and token signatures.' }),
    write: Flags.string({ summary: 'Write the RDP traffic inside the tunnels to a new capture.', helpValue: 'FILE' }),
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
