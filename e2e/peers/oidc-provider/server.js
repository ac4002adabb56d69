// An OpenID provider that nobody here wrote, on a free port; its first line says where. It ends with its standard input.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const back = 'http://127.0.0.1:9/callback';
  const code = ['authorization_code', 'refresh_token'];
  const device = 'urn:ietf:params:oauth:grant-type:device_code';
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'machine', client_secret: 'machine-secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      { client_id: 'web', client_secret: 'web-secret', grant_types: code, redirect_uris: [back], response_types: ['code'] },
      { client_id: 'native', token_endpoint_auth_method: 'none', grant_types: [...code, device], redirect_uris: [back], response_types: ['code'], application_type: 'native' },
    ],
    scopes: ['openid', 'offline_access', 'items.read', 'items.write'],
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      // The pages on which a person logs in and says yes: forms that a test posts.
      devInteractions: { enabled: true },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    cookies: { keys: ['of-no-worth'] },
    ttl: { AccessToken: 60, ClientCredentials: 60, RefreshToken: 3600 },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit());
process.stdin.resume();
