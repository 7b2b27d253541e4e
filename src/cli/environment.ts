/** Where TLS libraries and browsers write their secrets, when somebody has asked them to. */
export function sslKeyLogFile(): string | undefined {
  return process.env.SSLKEYLOGFILE || undefined;
}
