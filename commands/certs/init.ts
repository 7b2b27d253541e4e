import { Flags } from '@oclif/core';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { certificatesJson, certificatesText } from '../../src/cli/certificates.js';
import { BaseCommand, repeatable } from '../../src/cli/index.js';

export default class CertsInit extends BaseCommand {
  static override summary = 'Make the CA, the server certificate and the keys a gateway needs.';
  static override description = [
    'Writes ca.pem, ca.key, server.pem, server.key and token.key to the data folder. Existing valid files are kept, so the command can be run again at any time. The output shows how clients install ca.pem.',
    'Without --host, an existing certificate keeps its names, and a new one is valid for the name of this machine, localhost, 127.0.0.1 and ::1. Unless the setting hostname is set, mkrdp uses the first name that other machines can reach.',
    'With --force, the server certificate and its key are replaced. The CA and the token key are kept if they are valid, so that clients need no new CA and existing .rdp files stay valid.',
  ].join('\n\n');
  static override examples = [
    {
      description: 'Make all files, for the name of this machine.',
      command: '<%= config.bin %> certs init',
    },
    {
      description: 'Make all files, for the names and addresses that clients use.',
      command: '<%= config.bin %> certs init --host gw.example.com --host 192.168.0.10',
    },
    {
      description: 'Renew the server certificate.',
      command: '<%= config.bin %> certs init --force',
    },
  ];
  static override flags = {
    host: Flags.string({
      helpValue: 'NAME',
      summary: 'Host name or IP address of the gateway; may be repeated.',
      ...repeatable,
    }),
    'key-type': Flags.option({
      helpValue: 'ecdsa|rsa',
      options: ['ecdsa', 'rsa'] as const,
      summary: 'Type of the keys: ECDSA P-256 (default), or RSA with 2048 bits.',
    })(),
    force: Flags.boolean({ summary: 'Replace the server certificate.' }),
    'new-token-key': Flags.boolean({ summary: 'Replace the token key. All existing .rdp files stop working.' }),
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
