/** How every command speaks: the base command, the flags that commands share, exit codes. */
export { BaseCommand, configFlag } from './base-command.js';
export { EXIT } from './exit.js';
