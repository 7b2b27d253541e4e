export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * Every event that the gateway logs, with its level and its message. The names are stable, since filters and alerts match the field
 * `event`; a message may change.
 */
export const EVENTS = {
  'session.opened': { level: 'debug', message: 'session opened' },
  'session.refused': { level: 'warn', message: 'session refused' },
  'session.revoked': { level: 'warn', message: 'session revoked' },
  'session.ended': { level: 'info', message: 'session ended' },
  'session.failed': { level: 'error', message: 'session failed by an internal error' },
  'authentication.succeeded': { level: 'info', message: 'authentication succeeded' },
  'authentication.failed': { level: 'warn', message: 'authentication failed' },
  'channel.opened': { level: 'info', message: 'channel opened' },
  'channel.closed': { level: 'info', message: 'channel closed' },
  'channel.refused': { level: 'warn', message: 'channel refused' },
  'channel.forwarded': { level: 'debug', message: 'IN channel forwarded to another worker' },
  'request.rejected': { level: 'warn', message: 'request rejected' },
  'request.repeated': { level: 'debug', message: 'request rejected again within a minute' },
  'request.invalid': { level: 'debug', message: 'invalid request rejected' },
  'pairing.expired': { level: 'info', message: 'OUT channel expired' },
  'connection.rejected': { level: 'warn', message: 'connection rejected' },
  'connection.evicted': { level: 'warn', message: 'unauthenticated connection ended for a new one' },
  'handshake.delayed': { level: 'info', message: 'TLS handshake delayed' },
  'connection.failed': { level: 'error', message: 'connection failed by an internal error' },
  'connection.untrusted': {
    level: 'warn',
    message: 'connection refused: a trusted proxy with a PROXY header is expected',
  },
  'tls.missing': { level: 'warn', message: 'no TLS on a connection to a TLS port' },
  'tls.failed': { level: 'debug', message: 'TLS handshake failed' },
  'tls.incompatible': { level: 'warn', message: 'client and gateway have no TLS version or cipher suite in common' },
  'overload.started': { level: 'warn', message: 'event loop overloaded, new connections are rejected' },
  'overload.ended': { level: 'warn', message: 'event loop no longer overloaded' },
  'gateway.draining': { level: 'info', message: 'draining' },
  'gateway.stopped': { level: 'info', message: 'stopped' },
  'listener.failed': { level: 'error', message: 'listener failed' },
  'configuration.warning': { level: 'warn', message: 'configuration warning' },
  'reload.completed': { level: 'info', message: 'configuration reloaded' },
  'reload.refused': { level: 'warn', message: 'reload refused' },
  'reload.failed': { level: 'error', message: 'reload failed, the former configuration stays in use' },
  'reload.restart_required': { level: 'warn', message: 'settings changed that need a restart' },
  'certificate.unusable': {
    level: 'error',
    message: 'certificate on disk cannot be used, the former one stays in use',
  },
  'metrics.listening': { level: 'info', message: 'metrics are served' },
  'keylog.opened': {
    level: 'warn',
    message: 'TLS secrets are written to a file: anyone who can read it can decrypt every session',
  },
  'keylog.was_readable': { level: 'warn', message: 'key log was readable by other users until now' },
  'keylog.foreign_owner': { level: 'warn', message: 'key log belongs to another user, who can read it' },
  'keylog.failed': { level: 'error', message: 'key log can no longer be written' },
  'keylog.reopen_failed': {
    level: 'error',
    message: 'key log cannot be opened anew, the former file stays in use',
  },
  'log.dropped': { level: 'error', message: 'log lines were dropped because stderr did not take them' },
  'logs.reopened': { level: 'info', message: 'log files opened anew' },
  'signal.ignored': { level: 'info', message: 'signal ignored' },
  'systemd.absent': { level: 'debug', message: 'no service manager listens' },
  'systemd.failed': { level: 'debug', message: 'service manager could not be notified' },
  'worker.started': { level: 'info', message: 'worker started' },
  'worker.crashed': { level: 'error', message: 'worker crashed' },
  'worker.start_failed': { level: 'error', message: 'worker cannot start' },
  'worker.unresponsive': { level: 'error', message: 'worker does not respond and is replaced' },
  'worker.reload_failed': { level: 'error', message: 'worker did not take the reload and is replaced' },
  'error.uncaught': { level: 'error', message: 'uncaught error' },
} as const satisfies Readonly<Record<string, { readonly level: LogLevel; readonly message: string }>>;

export type LogEvent = keyof typeof EVENTS;

/** The events as a Markdown table for docs/logs.md. */
export function eventsTable(): string {
  const rows = Object.entries(EVENTS).map(([event, { level, message }]) => `| \`${event}\` | ${level} | ${message} |`);
  return ['| event | level | message |', '|---|---|---|', ...rows, ''].join('\n');
}
