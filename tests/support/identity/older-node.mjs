// What the libraries take for granted and Debian's Node 18 does not have yet. Imported first.

import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
URL.parse ??= (...parts) => (URL.canParse(...parts) ? new URL(...parts) : null);
