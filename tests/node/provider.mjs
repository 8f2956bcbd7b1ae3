// A company's OpenID Connect provider for the tests. One argument, JSON:
// {port, client: {...}, people: {login: {claims}}}. Any password is right but "wrong".
import Provider from 'oidc-provider';

const { port, client, people } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
// Its own pages ask another site for their letters.
const leave = (ctx, form) => {
  ctx.type = 'html';
  ctx.body = `<!doctype html><title>Acme</title>${form}
    <button type="submit" form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`;
};
const provider = new Provider(issuer, {
  clients: [client],
  cookies: { keys: ['only for tests'] },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'locale', 'groups'], email: ['email'] },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true, logoutSource: leave } },
  renderError: (ctx, out) => {
    ctx.type = 'text';
    ctx.body = `${out.error}: ${out.error_description}`;
  },
  findAccount: (_ctx, id) => people[id] && { accountId: id, claims: () => ({ sub: `sub-of-${id}`, ...people[id] }) },
  interactions: { url: (_ctx, interaction) => `/login/${interaction.uid}` },
  // Whoever signs in has agreed to what was asked.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});
provider.use(async (ctx, next) => {
  const uid = /^\/login\/([\w-]+)$/.exec(ctx.path)?.[1];
  if (!uid) return next();
  if (ctx.method === 'GET') {
    ctx.type = 'html';
    ctx.body = `<!doctype html><title>Acme</title><form method="post">
      <input name="login" aria-label="login"><input name="password" type="password" aria-label="password">
      <button name="go" value="in">Enter Acme</button><button name="go" value="no">Cancel</button></form>`;
    return undefined;
  }
  let body = '';
  for await (const part of ctx.req) body += part;
  const form = new URLSearchParams(body);
  const good = people[form.get('login')] && form.get('password') !== 'wrong' && form.get('go') === 'in';
  const result = good
    ? { login: { accountId: form.get('login') } }
    : { error: 'access_denied', error_description: 'cancelled' };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
  return undefined;
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
