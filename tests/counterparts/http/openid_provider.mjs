// node openid_provider.mjs: an OpenID provider on a free port, whose one line of output is its issuer. Anybody logs in
// with any password; the login is the e-mail address. Ends when its input does.
import http from "node:http";
import { Provider } from "oidc-provider";

const server = http.createServer();
await new Promise((listening) => server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const client = (client_id) => ({
  client_id,
  token_endpoint_auth_method: "none",
  application_type: "native",
  redirect_uris: ["http://127.0.0.1/logged-in"],
  grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  response_types: ["code"],
});
let number = 0; // no two ID tokens are the same, though made in one second
const provider = new Provider(issuer, {
  clients: [client("handover"), client("another-program")],
  claims: { openid: ["sub", "number"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["for tests only"] },
  features: { deviceFlow: { enabled: true }, revocation: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, number: (number += 1), email: id, email_verified: !id.startsWith("unverified") }),
  }),
  issueRefreshToken: (_, asking, code) =>
    asking.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  pkce: { required: () => true },
});
server.on("request", provider.callback());
process.stdin.on("end", () => process.exit()).resume();
console.log(issuer);
