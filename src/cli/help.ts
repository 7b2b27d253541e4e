import { type Command, CommandHelp, Help, type Interfaces } from '@oclif/core';
import { commandNotFoundError, splitCommand } from './not-found.js';

/** oclif's help with one list of all commands, short usage lines and rdgw's own error for an unknown command. */
export default class RdgwHelp extends Help {
  constructor(config: Interfaces.Config, options: Partial<Interfaces.HelpOptions> = {}) {
    // Commands declare their flags in the order of importance; oclif would sort them.
    super(config, { ...options, flagSortOrder: 'none' });
  }

  protected override getCommandHelpClass(command: Command.Loadable): CommandHelp {
    return new RdgwCommandHelp(command, this.config, this.opts);
  }

  override async showHelp(argv: string[]): Promise<void> {
    const firstFlag = argv.findIndex((arg) => arg.startsWith('-'));
    const args = firstFlag === -1 ? argv : argv.slice(0, firstFlag);
    const id = args
      .flatMap((arg) => arg.split(/[:\s]+/))
      .filter((part) => part !== 'help')
      .join(':');
    if (id === '' || this.config.findTopic(id) !== undefined) return await super.showHelp(argv);
    const split = splitCommand(id, this.config);
    if (split === undefined) throw commandNotFoundError(id, this.config);
    await super.showHelp(split.command.split(':'));
  }

  protected override async showRootHelp(): Promise<void> {
    const { bin, pjson, version } = this.config;
    const sections = [
      this.wrap(`${bin} ${version}\n${pjson.oclif.description}`),
      this.section('USAGE', `$ ${bin} COMMAND [FLAGS]`),
      this.formatCommands(this.sortedCommands.map((command) => ({ ...command }))),
      this.section('GETTING STARTED', gettingStarted(bin)),
      this.section('EXIT CODES', EXIT_CODES),
      `See ${bin} COMMAND --help for the flags and examples of a command.`,
    ];
    this.log(sections.join('\n\n'));
  }
}

function gettingStarted(bin: string): string {
  return [
    `$ ${bin} serve                          # run the gateway`,
    `$ ${bin} mkrdp --target 192.168.0.101   # in a second terminal, for your desktop`,
  ].join('\n');
}

const EXIT_CODES = [
  '0  success',
  '1  a bug in rdgw',
  '2  the command line is invalid',
  '3  the input could not be decoded, or a check found a problem',
  '4  an error in the configuration, a certificate or a key',
  '5  an address cannot be bound or reached, or a worker ended during startup',
  '130 or 143  interrupted by SIGINT or SIGTERM',
].join('\n');

class RdgwCommandHelp extends CommandHelp {
  /** Omits the summary, which is printed above the usage. */
  protected override description(): string | undefined {
    const { description, summary } = this.command;
    return description && summary ? this.wrap(description) : undefined;
  }

  /** `certs init [FLAGS]`, with the required flags only: a line with all flags would be unreadable. */
  protected override defaultUsage(): string {
    const { id, flags, args } = this.command;
    const required = Object.values(flags).flatMap((flag) =>
      flag.required === true && flag.type === 'option' ? [`--${flag.name}=${flag.helpValue ?? '<value>'}`] : [],
    );
    return [id, ...Object.values(args).map((arg) => this.arg(arg)), ...required, '[FLAGS]'].join(' ');
  }
}
