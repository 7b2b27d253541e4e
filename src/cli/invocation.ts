/** The command that started this program, so that a printed command line works when it is copied. */
export function runnerName(): string {
  return process.env.npm_command === 'exec' ? 'npx rdgw' : 'rdgw';
}
