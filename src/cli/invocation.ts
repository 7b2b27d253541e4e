/** What a person typed to start this program, so that a line to copy works as it stands. */
export function runnerName(): string {
  return process.env.npm_command === 'exec' ? 'npx rdgw' : 'rdgw';
}
