import { Flags } from '@oclif/core';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { certificatesJson, certificatesText } from '../../src/cli/certificates.js';
import { BaseCommand } from '../../src/cli/index.js';

export default class CertsInit extends BaseCommand {
  static override summary = 'Make the CA, the server certificate and the keys a gateway needs.';
  static override description = [
    'The files go to the data folder: ca.pem, ca.key, server.pem, server.key and token.key. What is there and good stays untouched, so this can be run at any time.',
    'Without --host a certificate keeps its names, and the first one is for the name of this machine, localhost, 127.0.0.1 and ::1. mkrdp tells clients the first name that others can use, unless the configuration has a hostname.',
    'With --force the server certificate and its key are made anew. The CA and the token key stay where they can still be used, so clients need not trust anything new and issued .rdp files go on working.',
  ].join('\n\n');
  static override examples = [
    {
      description: 'Make everything for this machine, under its own name.',
      command: '<%= config.bin %> certs init',
    },
    {
      description: 'Make it for the names and addresses that clients use.',
      command: '<%= config.bin %> certs init --host gw.example.com --host 192.168.0.10',
    },
    {
      description: 'Make a new server certificate before the old one expires.',
      command: '<%= config.bin %> certs init --force',
    },
  ];
  static override flags = {
    host: Flags.string({
      helpValue: 'NAME',
      summary: 'Host name or address of the gateway; may be repeated.',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'key-type': Flags.option({
      helpValue: 'ecdsa|rsa',
      options: ['ecdsa', 'rsa'] as const,
      summary: 'ECDSA on P-256 (default), or RSA with 2048 bits.',
    })(),
    force: Flags.boolean({ summary: 'Replace the server certificate.' }),
    'new-token-key': Flags.boolean({ summary: 'Replace the token key: all .rdp files made before stop working.' }),
  };

  async run() {
    const { flags } = await this.parse(CertsInit);
    const certificates = await ensureCertificates(this.dataDir, {
      hosts: flags.host,
      keyType: flags['key-type'],
      force: flags.force,
      newTokenKey: flags['new-token-key'],
    });
    this.show(certificatesText(certificates));
    return certificatesJson(certificates);
  }
}
