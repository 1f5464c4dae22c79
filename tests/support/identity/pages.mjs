// The pages that people see: plain forms, for browsers, keyboards and scripts alike.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);

const page = (title, content) => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>body { font: 1.1rem sans-serif; margin: 3rem auto; max-width: 30rem } button, input { font: inherit; margin: .5rem .5rem 0 0 }</style>
</head>
<body>
<h1>${escape(title)}</h1>
${content}
</body>
</html>
`;

/** Who are you, and may this client do that? */
export const consent = ({ action, client, scope, account }) => page('Sign in to Acme', `
<p><b>${escape(client)}</b> asks for: ${escape(scope || 'nothing in particular')}.</p>
<form method="post" action="${escape(action)}">
<label for="account">User name</label>
<input id="account" name="account" value="${escape(account)}" autocomplete="off" autofocus required>
<div>
<button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny" formnovalidate>Deny</button>
</div>
</form>`);

/** Which code does your device show? `form` is the provider's, with a field for it. */
export const userCode = (form, problem) => page('Connect a device', `
<p id="problem">${escape(problem)}</p>
<p>Type the code that your device shows.</p>
${form}
<button id="continue" form="op.deviceInputForm">Continue</button>`);

/** Is this the device? `form` is the provider's. */
export const confirmDevice = (form, client, code) => page('Is this your device?', `
<p><b>${escape(client)}</b> should show this code: <b id="code">${escape(code)}</b></p>
${form}
<button id="continue" form="op.deviceConfirmForm" autofocus>Continue</button>
<button id="deny" form="op.deviceConfirmForm" name="abort" value="yes">Deny</button>`);

/** Nothing more to do. */
export const done = (title, text) => page(title, `<p>${escape(text)}</p>`);

/** A request that cannot be sent back to where it came from. */
export const refusal = (facts) => page('This request is refused', `
<dl>${Object.entries(facts).map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>`);
