/** For each system the lines that make it trust `ca.pem` in the working directory. */
const RECIPES: readonly (readonly [system: string, ...lines: string[]])[] = [
  ['Windows', 'certutil -addstore -f Root ca.pem', '(in a terminal run as administrator)'],
  ['macOS', 'sudo security add-trusted-cert -d -r trustRoot \\', '  -k /Library/Keychains/System.keychain ca.pem'],
  ['Debian', 'sudo cp ca.pem /usr/local/share/ca-certificates/rdgw.crt', 'sudo update-ca-certificates'],
  ['Fedora', 'sudo trust anchor ca.pem'],
  [
    'iOS',
    'Send it as rdgw.crt, open it, install the profile under Settings,',
    'then switch it on: General > About > Certificate Trust Settings.',
  ],
  [
    'Android',
    'Send it as rdgw.crt. Settings > Security > Encryption & credentials',
    '> Install a certificate > CA certificate.',
  ],
];

/**
 * Returns short instructions to make clients trust the CA, at most 80 columns wide except for the path.
 *
 * @param ca path of the CA certificate on this machine.
 */
export function trustAdvice(ca: string): string {
  const recipes = RECIPES.map(([system, ...lines]) => `  ${system.padEnd(9)}${lines.join(`\n${' '.repeat(11)}`)}`);
  return [`Every client has to trust the CA, once. Copy its certificate there:`, `  ${ca}`, ...recipes].join('\n');
}
