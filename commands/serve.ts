import { Flags } from '@oclif/core';
import { BaseCommand, configFlag } from '../src/cli/index.js';

export default class Serve extends BaseCommand {
  static override summary = 'Run a Remote Desktop Gateway.';
  static override description =
    `The first start makes a CA, a server certificate and a token key in the data folder. Clients must trust this CA. "rdgw mkrdp" then makes .rdp files for desktops behind this gateway. Flags override the environment (RDGW_*), which overrides the configuration file.

When limits.* are reached, the connection without an identity that has made no progress for longest is ended for a new one, or the new one is rejected. While the event loop is overloaded, all new ones are rejected. Open sessions continue. metrics.listen serves counters for Prometheus.

After SIGTERM or SIGINT, open sessions may continue for --drain seconds. A second signal ends the gateway at once. SIGHUP, or a renewed certificate, makes it reload settings, certificate and keys. Sessions go on, unless auth.whenRevoked says otherwise. SIGUSR1 opens log files anew. If a reload fails, the log shows the error and nothing changes.

With --workers, several processes serve the same port. If one crashes or hangs, only its sessions end, and it is replaced.`;
  static override examples = [
    { description: 'Start with the default settings.', command: '<%= config.bin %> serve' },
    {
      description: 'Use port 443 and a certificate that clients already trust.',
      command: '<%= config.bin %> serve --listen 443 --cert gw.pem --key gw.key',
    },
    { description: 'Use all cores.', command: '<%= config.bin %> serve --workers auto' },
    {
      description: 'Check the settings and files without starting the gateway.',
      command: '<%= config.bin %> serve --check',
    },
  ];

  static override flags = {
    ...configFlag,
    check: Flags.boolean({ summary: 'Check settings and files, print the settings, and exit.' }),
    listen: Flags.string({
      summary: 'Where to listen. The default is 8443 on all interfaces.',
      helpValue: '[HOST:]PORT|unix:PATH',
    }),
    cert: Flags.string({ summary: 'Server certificate and its chain, PEM.', helpValue: 'FILE' }),
    key: Flags.string({ summary: 'Private key of the certificate, PEM.', helpValue: 'FILE' }),
    drain: Flags.string({ summary: 'Time for sessions after a signal. The default is 30.', helpValue: 'SECONDS' }),
    'log-level': Flags.string({ summary: 'Log level. The default is info.', helpValue: 'debug|info|warn|error' }),
    'log-format': Flags.string({ summary: 'Log format. The default is text.', helpValue: 'text|json' }),
    workers: Flags.string({ summary: 'Processes, auto for one per core. The default is 1.', helpValue: 'N|auto' }),
    keylog: Flags.string({ summary: 'Append TLS secrets to a file, to decrypt captures.', helpValue: 'FILE' }),
  };

  /** With --json, the result is printed when the gateway listens. None is printed when it ends. */
  override logJson(json: unknown): void {
    if (json !== undefined) super.logJson(json);
  }

  async run(): Promise<unknown> {
    const { flags } = await this.parse(Serve);
    const request = { file: flags.config, dataDir: this.dataDir, flags };
    if (flags.check) {
      const { checkServe } = await import('../src/serve/check.js');
      const checked = await checkServe(request);
      for (const warning of checked.warnings) this.warn(warning);
      this.show(checked.text);
      for (const note of checked.notes) this.showInfo(note);
      return checked.settings;
    }
    const { runServe } = await import('../src/serve/run.js');
    return runServe(request, {
      ready: (text, facts) => (this.jsonEnabled() ? this.logJson(facts) : this.show(text)),
      warn: (warning) => this.warn(warning),
      version: this.config.version,
    });
  }
}
