// An identity provider on loopback for the tests: oidc-provider, with a consent page, a ledger, faults on order, and a
// control channel. Prints one line of JSON when it is ready, and ends when its standard input does.

import { Console } from 'node:console';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { client, configuration } from './configuration.mjs';
import { control, verbs } from './control.mjs';
import { Faults } from './faults.mjs';
import * as pages from './pages.mjs';
import { Storage } from './storage.mjs';

globalThis.console = new Console(process.stderr); // standard output carries the one line only
const { Provider } = await import('oidc-provider');

const ENDPOINTS = {
  '/.well-known/oauth-authorization-server': 'discovery',
  '/.well-known/openid-configuration': 'discovery',
  '/auth': 'authorization',
  '/device/auth': 'device_authorization',
  '/me': 'userinfo',
  '/token': 'token',
  '/token/introspection': 'introspection',
  '/token/revocation': 'revocation',
};
const REDIRECTS = ['http://127.0.0.1/callback', 'http://127.0.0.1/'];

const server = createServer();
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;
const door = `/control/${randomBytes(16).toString('hex')}/`;

const clients = [
  client('cbauth', undefined, 'none', REDIRECTS),
  client('cbauth-basic', randomBytes(24).toString('base64url'), 'client_secret_basic', REDIRECTS),
  client('cbauth-post', randomBytes(24).toString('base64url'), 'client_secret_post', REDIRECTS),
];
const defaults = { accessTokenTtl: 3600, deviceInterval: 1 };
const settings = { ...defaults };
const exchanges = [];
const faults = new Faults();
const storage = new Storage();
clients.forEach((each) => storage.note(each));

const provider = new Provider(issuer, configuration({ storage, settings, clients }));
provider.on('server_error', (ctx, error) => console.error(error));
provider.on('grant.success', (ctx) => storage.note(ctx.body));
provider.on('device_authorization.success', (ctx, body) => { body.interval = settings.deviceInterval; });
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { uid, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  if (ctx.method !== 'POST') {
    const account = session?.accountId ?? params.login_hint ?? '';
    ctx.body = pages.consent({ action: `/interaction/${uid}`, client: params.client_id, scope: params.scope, account });
    return undefined;
  }
  const answers = new URLSearchParams(ctx.req.body);
  if (answers.get('decision') !== 'allow') {
    const refusal = { error: 'access_denied', error_description: 'the person said no' };
    return provider.interactionFinished(ctx.req, ctx.res, refusal);
  }
  const accountId = answers.get('account');
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  if (params.scope) grant.addOIDCScope(params.scope);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(ctx.req, ctx.res, result);
});

const known = verbs({ provider, storage, faults, settings, exchanges, defaults });
const answerOf = provider.callback();

/** What was asked, as tests want to look at it. */
function exchange(endpoint, req, url) {
  const parameters = Object.fromEntries([...url.searchParams, ...new URLSearchParams(req.body)]);
  const [scheme, credentials] = (req.headers.authorization ?? '').split(' ');
  const [user] = scheme === 'Basic' ? Buffer.from(credentials ?? '', 'base64').toString().split(':') : [''];
  storage.note(parameters);
  return {
    endpoint,
    method: req.method,
    path: url.pathname,
    client: parameters.client_id ?? new URLSearchParams(`user=${user}`).get('user'),
    grant: parameters.grant_type ?? '',
    parameters,
    headers: req.headers,
    status: null,
  };
}

async function serve(req, res) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  req.body = Buffer.concat(chunks).toString();
  const url = new URL(req.url, issuer);
  if (url.pathname.startsWith(door)) return control(known, url.pathname.slice(door.length), req.body, res);
  const endpoint = ENDPOINTS[url.pathname];
  if (!endpoint) return answerOf(req, res);

  const asked = exchange(endpoint, req, url);
  exchanges.push(asked);
  const fault = faults.take(endpoint);
  const end = res.end.bind(res);
  if (fault && !fault.processed) return faults.answer(fault, res, undefined, end);
  res.end = (body) => {
    asked.status = res.statusCode;
    return fault ? faults.answer(fault, res, body, end) : end(body);
  };
  return answerOf(req, res);
}

server.on('request', (req, res) => {
  serve(req, res).catch((error) => {
    console.error(error);
    res.destroy();
  });
});
process.stdin.resume().on('end', () => process.exit(0));
const secrets = Object.fromEntries(clients.map((each) => [each.client_id, each.client_secret ?? '']));
process.stdout.write(`${JSON.stringify({ issuer, control: issuer + door, secrets })}\n`);
