import { type Command, CommandHelp, Help, type Interfaces } from '@oclif/core';
import { refuseCommand, splitCommand } from './not-found.js';

/** oclif's help, with one list of all commands, short usage lines, and our words for a command that is not there. */
export default class RdgwHelp extends Help {
  constructor(config: Interfaces.Config, options: Partial<Interfaces.HelpOptions> = {}) {
    // The order in which a command names its flags is the order of their importance.
    super(config, { ...options, flagSortOrder: 'none' });
  }

  protected override getCommandHelpClass(command: Command.Loadable): CommandHelp {
    return new RdgwCommandHelp(command, this.config, this.opts);
  }

  override async showHelp(argv: string[]): Promise<void> {
    const firstFlag = argv.findIndex((word) => word.startsWith('-'));
    const words = firstFlag === -1 ? argv : argv.slice(0, firstFlag);
    const id = words
      .flatMap((word) => word.split(/[:\s]+/))
      .filter((word) => word !== 'help')
      .join(':');
    if (id === '' || this.config.findTopic(id) !== undefined) return await super.showHelp(argv);
    const split = splitCommand(id, this.config);
    if (split === undefined) throw refuseCommand(id, this.config);
    await super.showHelp(split.command.split(':'));
  }

  protected override async showRootHelp(): Promise<void> {
    const { bin, pjson, version } = this.config;
    const sections = [
      this.wrap(`${bin} ${version}\n${pjson.oclif.description}`),
      this.section('USAGE', `$ ${bin} COMMAND [FLAGS]`),
      this.formatCommands(this.sortedCommands.map((command) => ({ ...command }))),
      this.section('START HERE', `$ ${bin} serve\n$ ${bin} mkrdp --target 192.168.0.101`),
      this.section('EXIT CODES', EXIT_CODES),
      `${bin} COMMAND --help says more about one command.`,
    ];
    this.log(sections.join('\n\n'));
  }
}

const EXIT_CODES = [
  '0  done',
  '1  a bug in rdgw',
  '2  the command line is wrong',
  '3  input was not understood, or a check found something',
  '4  configuration, certificates or keys',
  '5  an address cannot be bound or reached, or a worker ends while it starts',
  '130 and 143  interrupted by SIGINT and SIGTERM',
].join('\n');

class RdgwCommandHelp extends CommandHelp {
  /** The summary stands above the usage already. */
  protected override description(): string | undefined {
    const { description, summary } = this.command;
    return description && summary ? this.wrap(description) : undefined;
  }

  /** `certs init [FLAGS]`, with the flags that have to be there: a line with all of them helps nobody. */
  protected override defaultUsage(): string {
    const { id, flags, args } = this.command;
    const required = Object.values(flags).flatMap((flag) =>
      flag.required === true && flag.type === 'option' ? [`--${flag.name}=${flag.helpValue ?? '<value>'}`] : [],
    );
    return [id, ...Object.values(args).map((arg) => this.arg(arg)), ...required, '[FLAGS]'].join(' ');
  }
}
