import { Flags } from '@oclif/core';
import { BaseCommand, configFlag } from '../src/cli/index.js';

export default class Serve extends BaseCommand {
  static override summary = 'Run a Remote Desktop Gateway.';
  static override description =
    `The first start makes a CA, a server certificate and a key for access tokens in the data folder. After that, "rdgw mkrdp" writes .rdp files that open desktops through this gateway.

Newcomers who find no room, or an event loop that is late, are turned away, with 503 where that costs little; sessions that are up go on. The settings limits.* say how many there may be, and metrics.listen serves counters for Prometheus.

SIGTERM and SIGINT let open sessions go on for --drain seconds. A second signal ends at once. SIGHUP, and a certificate that was renewed, make it read settings, certificate and keys again without an end to any session; what is wrong is told in the log and nothing changes.

With --workers several processes serve on the same port. One that crashes or hangs ends only the sessions that went through it, and is replaced.`;
  static override examples = [
    { description: 'Start with nothing else.', command: '<%= config.bin %> serve' },
    {
      description: 'Use the port of HTTPS and a certificate that clients trust already.',
      command: '<%= config.bin %> serve --listen 443 --cert gw.pem --key gw.key',
    },
    { description: 'Use every core.', command: '<%= config.bin %> serve --workers auto' },
    {
      description: 'Check what a start would read, and show its settings.',
      command: '<%= config.bin %> serve --check',
    },
  ];

  static override flags = {
    ...configFlag,
    check: Flags.boolean({ summary: 'Check settings and files, print the settings, and end.' }),
    listen: Flags.string({
      summary: 'Where to listen. The default is 8443, all interfaces.',
      helpValue: '[HOST:]PORT',
    }),
    cert: Flags.string({ summary: 'Certificate with its chain, PEM.', helpValue: 'FILE' }),
    key: Flags.string({ summary: 'Private key of the certificate, PEM.', helpValue: 'FILE' }),
    drain: Flags.string({ summary: 'Time for sessions after a signal. The default is 30.', helpValue: 'SECONDS' }),
    'log-level': Flags.string({ summary: 'What is logged. The default is info.', helpValue: 'debug|info|warn|error' }),
    'log-format': Flags.string({ summary: 'For people or machines. The default is text.', helpValue: 'text|json' }),
    workers: Flags.string({ summary: 'Processes, auto is one for each core. The default is 1.', helpValue: 'N|auto' }),
    keylog: Flags.string({ summary: 'Append TLS secrets here, to decrypt captures.', helpValue: 'FILE' }),
  };

  /** With --json the one result comes when the gateway listens; there is none at the end. */
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
      for (const note of checked.notes) this.say(note);
      return checked.settings;
    }
    const { runServe } = await import('../src/serve/run.js');
    return runServe(request, {
      ready: (words, facts) => (this.jsonEnabled() ? this.logJson(facts) : this.show(words)),
      warn: (warning) => this.warn(warning),
      version: this.config.version,
    });
  }
}
