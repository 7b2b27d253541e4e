/** The schema of the setting `listen`: one entry or a list of them. */
import { z } from 'zod';
import { entryOf, isUnix, type ListenEntry, parseAddress, parseMode } from './listen.js';
import { fail } from './setting-kinds.js';

/** Two would do for most gateways: one for clients, one for a proxy. */
const ENTRIES_MAX = 16;

const FORM = 'must be [HOST:]PORT or unix:PATH with an absolute path, for example 8443';

function readAddress(value: string | number, context: z.core.$RefinementCtx): ListenEntry['address'] {
  return parseAddress(String(value)) ?? fail(context, FORM);
}

/** YAML 1.2 reads `on` and `off` as text, but older tools write `true` and `false` for them. */
const onOff = z.union([z.enum(['on', 'off']), z.boolean().transform((on) => (on ? 'on' : 'off'))]);

const options = z
  .strictObject({
    address: z.union([z.string(), z.number()]).transform(readAddress),
    tls: onOff.default('on'),
    proxyProtocol: z.enum(['off', 'required']).default('off'),
    auth: z.enum(['token']).default('token'),
    mode: z
      .union([z.string(), z.number()])
      .transform(
        (value, context) => parseMode(value) ?? fail(context, 'must be an octal mode in quotes, such as "0660"'),
      )
      .optional(),
    group: z
      .union([z.string().min(1), z.int().min(0)])
      .transform(String)
      .optional(),
  })
  .transform((entry, context): ListenEntry => {
    const { tls, proxyProtocol, mode, group } = entry;
    if (isUnix(entry.address)) {
      return { address: { ...entry.address, ...(mode !== undefined && { mode }), group }, tls, proxyProtocol };
    }
    if (mode !== undefined || group !== undefined)
      return fail(context, 'has a mode or a group, which only unix:PATH has');
    return { address: entry.address, tls, proxyProtocol };
  });

const entry = z.union([
  z.union([z.string(), z.number()]).transform((value, context) => entryOf(readAddress(value, context))),
  options,
]);

export const listenSchema = z.union([
  entry.transform((one): readonly ListenEntry[] => [one]),
  z
    .array(entry)
    .min(1)
    .max(ENTRIES_MAX)
    .transform((entries): readonly ListenEntry[] => entries),
]);
