import { Args } from '@oclif/core';
import RdgwHelp from '../src/cli/help.js';
import { BaseCommand } from '../src/cli/index.js';

export default class HelpCommand extends BaseCommand {
  static override summary = 'Show the help of rdgw or of a command.';
  static override examples = ['<%= config.bin %> help mkrdp', '<%= config.bin %> help certs init'];
  static override enableJsonFlag = false;
  static override args = { command: Args.string({ description: 'Name of the command.' }) };
  static override strict = false;

  async run(): Promise<void> {
    const { argv } = await this.parse(HelpCommand);
    await new RdgwHelp(this.config).showHelp(argv.map(String));
  }
}
