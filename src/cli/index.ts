/** The base class of the commands, their shared flags and the exit codes. */
export { BaseCommand, configFlag, repeatable } from './base-command.js';
export { EXIT } from './exit.js';
