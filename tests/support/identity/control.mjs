// The door for tests, under a path that only they know: one verb a request, JSON in and out.

import { client } from './configuration.mjs';

export function verbs({ provider, storage, faults, settings, exchanges, defaults }) {
  return {
    exchanges: () => exchanges,
    reset: () => {
      exchanges.length = 0;
      faults.clear();
      Object.assign(settings, defaults);
    },
    secrets: () => storage.secrets,
    settings: (changes) => { Object.assign(settings, changes); },
    fail: ({ endpoint, fault, times }) => faults.add(endpoint, fault, times),
    expire: ({ token }) => storage.expire(token),
    revoke: ({ token, account }) => (token ? storage.revokeGrantOf(token) : storage.revokeAccount(account)),
    client: async ({ id, secret, method, redirectUris, anyPort }) => {
      const metadata = client(id, secret, method, redirectUris, anyPort);
      await storage.adapter('Client').upsert(id, metadata);
      await provider.Client.find(id); // complains of metadata that makes no sense
      storage.note(metadata);
    },
  };
}

/** Do what `verb` says with the JSON text `body`; the answer goes to `res`. */
export async function control(known, verb, body, res) {
  const answer = (status, value) => {
    res.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    res.end(JSON.stringify(value ?? null));
  };
  try {
    if (!Object.hasOwn(known, verb)) throw new Error(`no such verb: ${verb}`);
    answer(200, await known[verb](JSON.parse(body)));
  } catch (error) {
    answer(400, String(error.error_description ?? error.message));
  }
}
