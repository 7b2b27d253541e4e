/** The forms in which people write the address of a desktop, and what they become on the way to the desktop. */
export interface DesktopAddress {
  /** The value of `mkrdp --target`. */
  readonly typed: string;
  /** The value of `full address` in the .rdp file. */
  readonly fullAddress: string;
  /** The value of `server port`. */
  readonly serverPort: number;
  /** Names that clients send in CHANNEL_CREATE for this file, or for a file where the user typed the address. */
  readonly requested: readonly string[];
  /** The target that the gateway opens, in canonical form. */
  readonly target: string;
}

const row = (
  typed: string,
  fullAddress: string,
  target: string,
  requested: readonly string[],
  serverPort = 3389,
): DesktopAddress => ({ typed, fullAddress, serverPort, requested, target });

export const DESKTOP_ADDRESSES: readonly DesktopAddress[] = [
  row('192.168.0.101', '192.168.0.101', '192.168.0.101:3389', ['192.168.0.101', '::ffff:192.168.0.101']),
  row('192.168.0.101:33891', '192.168.0.101:33891', '192.168.0.101:33891', ['192.168.0.101'], 33891),
  row('desk.example', 'desk.example', 'desk.example:3389', ['desk.example', 'desk.example.', 'DESK.Example']),
  row('DESK.Example.', 'desk.example', 'desk.example:3389', ['desk.example', 'DESK.EXAMPLE.']),
  row('desk.example:3390', 'desk.example:3390', 'desk.example:3390', ['desk.example'], 3390),
  row('desk.example.:3390', 'desk.example:3390', 'desk.example:3390', ['desk.example'], 3390),
  row('PC_01', 'pc_01', 'pc_01:3389', ['PC_01', 'pc_01']),
  row('BÜRO.example', 'xn--bro-hoa.example', 'xn--bro-hoa.example:3389', [
    'xn--bro-hoa.example',
    'BÜRO.example',
    'büro.example.',
  ]),
  row('XN--BRO-HOA.example', 'xn--bro-hoa.example', 'xn--bro-hoa.example:3389', [
    'XN--bro-hoa.example',
    'büro.example',
  ]),
  row('localhost', 'localhost', 'localhost:3389', ['localhost', 'LOCALHOST.']),
  row('127.0.0.1:33891', '127.0.0.1:33891', '127.0.0.1:33891', ['127.0.0.1', '[::ffff:127.0.0.1]'], 33891),
  // FreeRDP sends an IPv6 address of an .rdp file with its brackets, and one of its command line without, as mstsc does.
  row('fd00::5', '[fd00::5]:3389', '[fd00::5]:3389', ['fd00::5', '[fd00::5]', 'FD00:0:0::5', '[fd00:0::0005]']),
  row('[fd00::5]', '[fd00::5]:3389', '[fd00::5]:3389', ['fd00::5', '[fd00::5]']),
  row('[FD00:0::5]:3390', '[fd00::5]:3390', '[fd00::5]:3390', ['fd00::5', '[fd00::5]'], 3390),
  row('2001:db8:0:0:0:0:0:3389', '[2001:db8::3389]:3389', '[2001:db8::3389]:3389', ['2001:db8::3389']),
  row('::1', '[::1]:3389', '[::1]:3389', ['::1', '[::1]']),
  row('[::1]:33891', '[::1]:33891', '[::1]:33891', ['::1', '[::1]'], 33891),
  row('[::ffff:10.0.0.1]:3390', '10.0.0.1:3390', '10.0.0.1:3390', ['10.0.0.1', '[::ffff:a00:1]'], 3390),
];

/** Values of `mkrdp --target` that are refused, and hosts that the gateway refuses in CHANNEL_CREATE. */
export const REFUSED_ADDRESSES: readonly { readonly text: string; readonly message: RegExp; readonly hint?: RegExp }[] =
  [
    {
      text: 'fd00::5:3390',
      message: /can be an IPv6 address or an IPv6 address with a port/,
      hint: /^write \[fd00::5:3390\] or \[fd00::5\]:3390$/,
    },
    { text: '::1:33891', message: /has a port after an IPv6 address/, hint: /^write \[::1\]:33891$/ },
    { text: 'fe80::1%eth0', message: /has a zone/, hint: /valid on every machine/ },
    { text: '[fe80::1%eth0]', message: /has a zone/ },
    { text: '[fe80::1%25eth0]:3389', message: /has a zone/ },
    { text: '[fe80::1%eth0]:3389', message: /has a zone/ },
    { text: 'fe80::1%2', message: /has a zone/ },
    { text: '[10.0.0.1]', message: /brackets around something that is not an IPv6 address/ },
    { text: '[desk]', message: /brackets/ },
    { text: '[::1', message: /is not a target/ },
    { text: '[:', message: /is not a target/ },
    { text: '[]', message: /is not a host name/ },
    { text: '10.1', message: /unusual notation/ },
    { text: '0x7f000001', message: /unusual notation/ },
    { text: '2130706433', message: /unusual notation/ },
    { text: '127.0.0.01', message: /unusual notation/ },
    { text: '1.2.3.256', message: /unusual notation/ },
    { text: 'desk..example', message: /is not a host name/ },
    { text: 'desk example', message: /contains a space/ },
    { text: '', message: /is not a host name/ },
  ];
