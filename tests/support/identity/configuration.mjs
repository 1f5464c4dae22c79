// How the provider is set up: strict where the specifications let it choose.

import { generateKeyPairSync, randomBytes } from 'node:crypto';

import * as pages from './pages.mjs';

const GRANTS = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
const DAY = 24 * 60 * 60;

/** A client's metadata. A native client may use any port of its loopback redirect URIs (RFC 8252, section 7.3). */
export const client = (id, secret, method, redirectUris, anyPort = true) => ({
  client_id: id,
  client_name: id,
  application_type: anyPort ? 'native' : 'web',
  grant_types: GRANTS,
  redirect_uris: redirectUris,
  response_types: ['code'],
  token_endpoint_auth_method: method,
  ...(secret ? { client_secret: secret } : {}),
});

async function userCodeInput(ctx, form, out, error) {
  if (error?.name === 'AbortedError') {
    ctx.status = 200;
    ctx.body = pages.done('Not connected', 'You said no. You may close this window.');
  } else {
    if (error) ctx.status = 400;
    ctx.body = pages.userCode(form, error ? 'This code is not known, or was used, or is too old.' : '');
  }
}

/** The provider's configuration. `settings.accessTokenTtl` is read anew for every token. */
export function configuration({ storage, settings, clients }) {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return {
    adapter: storage.adapter,
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
    clientBasedCORS: () => false,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clients,
    clockTolerance: 0,
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: userCodeInput,
        userCodeConfirmSource: async (ctx, form, { clientName }, device, code) => {
          ctx.body = pages.confirmDevice(form, clientName, code);
        },
        successSource: async (ctx) => { ctx.body = pages.done('Connected', 'You may close this window.'); },
      },
      introspection: { enabled: true, allowedPolicy: async () => true },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: { enabled: false },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: true },
    },
    findAccount: async (ctx, sub) => ({
      accountId: sub,
      claims: async () => ({
        sub,
        email: sub,
        email_verified: true,
        name: sub.split('@')[0],
        preferred_username: sub.split('@')[0],
      }),
    }),
    interactions: { url: async (ctx, { uid }) => `/interaction/${uid}` },
    jwks: { keys: [{ ...key, alg: 'ES256', use: 'sig' }] },
    pkce: { required: () => true },
    renderError: async (ctx, out) => {
      ctx.type = 'html';
      ctx.body = pages.refusal(out);
    },
    responseTypes: ['code'],
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', 'email', 'profile'],
    ttl: {
      AccessToken: () => settings.accessTokenTtl,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: DAY,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: DAY,
      Session: DAY,
    },
  };
}
