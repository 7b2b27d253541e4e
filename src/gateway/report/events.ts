/**
 * Every event that the gateway logs, with its message. The names are stable, since filters and alerts match the field
 * `event`; a message may change.
 */
export const EVENTS = {
  'session.opened': 'session opened',
  'session.ended': 'session ended',
  'session.failed': 'session failed by an internal error',
  'authentication.succeeded': 'authentication succeeded',
  'authentication.failed': 'authentication failed',
  'channel.opened': 'channel opened',
  'channel.closed': 'channel closed',
  'channel.refused': 'channel refused',
  'channel.forwarded': 'IN channel forwarded to another worker',
  'request.rejected': 'request rejected',
  'pairing.expired': 'OUT channel expired',
  'connection.rejected': 'connection rejected',
  'connection.failed': 'connection failed by an internal error',
  'tls.failed': 'TLS handshake failed',
  'overload.started': 'event loop overloaded, new connections are rejected',
  'overload.ended': 'event loop no longer overloaded',
  'gateway.draining': 'draining',
  'gateway.stopped': 'stopped',
  'listener.failed': 'listener failed',
  'configuration.warning': 'configuration warning',
  'reload.completed': 'configuration reloaded',
  'reload.refused': 'reload refused',
  'reload.failed': 'reload failed, the former configuration stays in use',
  'reload.restart_required': 'settings changed that need a restart',
  'certificate.unusable': 'certificate on disk cannot be used, the former one stays in use',
  'metrics.listening': 'metrics are served',
  'keylog.opened': 'TLS secrets are written to a file: anyone who can read it can decrypt every session',
  'keylog.was_readable': 'key log was readable by other users until now',
  'keylog.foreign_owner': 'key log belongs to another user, who can read it',
  'keylog.failed': 'key log can no longer be written',
  'systemd.absent': 'no service manager listens',
  'systemd.failed': 'service manager could not be notified',
  'worker.started': 'worker started',
  'worker.crashed': 'worker crashed',
  'worker.start_failed': 'worker cannot start',
  'worker.unresponsive': 'worker does not respond and is replaced',
  'worker.reload_failed': 'worker did not take the reload and is replaced',
  'error.uncaught': 'uncaught error',
} as const satisfies Readonly<Record<string, string>>;

export type LogEvent = keyof typeof EVENTS;

/** The events as a Markdown table for docs/logs.md. */
export function eventsTable(): string {
  const rows = Object.entries(EVENTS).map(([event, message]) => `| \`${event}\` | ${message} |`);
  return ['| event | message |', '|---|---|', ...rows, ''].join('\n');
}
