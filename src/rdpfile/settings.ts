/** `i` is a whole number, `s` text, `b` bytes in hexadecimal digits. */
export type SettingType = 'i' | 's' | 'b';

/** One line of an .rdp file, `name:type:value`. */
export interface RdpSetting {
  readonly name: string;
  readonly type: SettingType;
  /** The text in the file. */
  readonly value: string;
}

/** A setting that clients know. */
export interface KnownSetting {
  /** In lower case. Clients ignore the case. */
  readonly name: string;
  readonly type: SettingType;
  readonly purpose: string;
}

const settingsFor =
  (purpose: string) =>
  (type: SettingType, ...names: string[]): readonly KnownSetting[] =>
    names.map((name) => ({ name, type, purpose }));
const target = settingsFor('the target');
const gateway = settingsFor('the gateway');
const logon = settingsFor('user and authentication');
const display = settingsFor('the display');
const session = settingsFor('the session');
const redirect = settingsFor('redirection of local devices');
const app = settingsFor('a single program instead of a desktop');
const signature = settingsFor('the signature');

/**
 * The settings that Microsoft documents ("Supported RDP properties") or that its clients write and sign, each with its type
 * there. Settings that are not in the list are allowed.
 */
export const SETTINGS: readonly KnownSetting[] = [
  ...target('s', 'full address', 'alternate full address'),
  ...target('i', 'server port'),
  ...target('s', 'loadbalanceinfo', 'pcb', 'workspace id'),
  ...target('i', 'use redirection server name'),
  ...gateway('s', 'gatewayhostname'),
  ...gateway('i', 'gatewayusagemethod', 'gatewayprofileusagemethod', 'gatewaycredentialssource'),
  ...gateway('s', 'gatewayaccesstoken'),
  ...gateway('i', 'gatewaybrokeringtype', 'promptcredentialonce', 'rdgiskdcproxy'),
  ...gateway('s', 'kdcproxyname'),
  ...logon('s', 'username', 'domain'),
  ...logon('b', 'password 51'),
  ...logon('i', 'authentication level', 'enablecredsspsupport', 'negotiate security layer', 'prompt for credentials'),
  ...logon('i', 'enablerdsaadauth', 'require pre-authentication', 'administrative session', 'public mode'),
  ...logon('s', 'pre-authentication server address'),
  ...display('i', 'screen mode id', 'desktopwidth', 'desktopheight', 'desktop size id', 'desktopscalefactor'),
  ...display('i', 'use multimon', 'session bpp', 'smart sizing', 'dynamic resolution', 'maximizetocurrentdisplays'),
  ...display('i', 'singlemoninwindowedmode', 'pinconnectionbar', 'displayconnectionbar', 'superpanaccelerationfactor'),
  ...display('s', 'selectedmonitors', 'winposstr'),
  ...display('i', 'disable wallpaper', 'allow font smoothing', 'allow desktop composition', 'disable themes'),
  ...display(
    'i',
    'disable full window drag',
    'disable menu anims',
    'disable cursor setting',
    'bitmapcachepersistenable',
  ),
  ...session('i', 'compression', 'keyboardhook', 'connection type', 'networkautodetect', 'bandwidthautodetect'),
  ...session(
    'i',
    'autoreconnection enabled',
    'autoreconnect max retries',
    'disableconnectionsharing',
    'bitmapcachesize',
  ),
  ...session(
    'i',
    'audiomode',
    'audiocapturemode',
    'audioqualitymode',
    'videoplaybackmode',
    'encode redirected video capture',
  ),
  ...session('s', 'alternate shell', 'shell working directory', 'support url', 'eventloguploadaddress'),
  ...redirect('i', 'redirectclipboard', 'redirectprinters', 'redirectsmartcards', 'redirectcomports', 'redirectdrives'),
  ...redirect('i', 'redirectposdevices', 'redirectdirectx', 'redirectwebauthn', 'redirectlocation'),
  ...redirect('i', 'redirected video capture encoding quality'),
  ...redirect('s', 'drivestoredirect', 'devicestoredirect', 'usbdevicestoredirect', 'camerastoredirect'),
  ...app('i', 'remoteapplicationmode', 'remoteapplicationexpandcmdline', 'remoteapplicationexpandworkingdir'),
  ...app('s', 'remoteapplicationprogram', 'remoteapplicationname', 'remoteapplicationcmdline', 'remoteapplicationfile'),
  ...app('s', 'remoteapplicationguid', 'remoteapplicationicon', 'remoteapplicationfileextensions'),
  ...signature('s', 'signscope', 'signature'),
];

const BY_NAME = new Map(SETTINGS.map((setting) => [setting.name, setting]));

/** Returns the known setting of a name in any letter case, or `undefined`. */
export function knownSetting(name: string): KnownSetting | undefined {
  return BY_NAME.get(name.toLowerCase());
}
