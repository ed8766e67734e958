// Uploads one file with tus-js-client: `node tus_client.mjs ENDPOINT FILE KEY_PEM ISSUER AUDIENCE MODE`.
// MODE whole: in one go. MODE broken: ends the process after the first 3 MiB. MODE resume: goes on from the URL in
// FILE.url. MODE end: terminates the upload. Prints the upload's URL. A fresh token for every call, as the portal wants.
import crypto from "node:crypto"
import fs from "node:fs"
import * as tus from "tus-js-client"

const [endpoint, file, keyFile, issuer, audience, mode] = process.argv.slice(2)
const key = crypto.createPrivateKey(fs.readFileSync(keyFile))
const base64url = (value) => Buffer.from(value).toString("base64url")

function token() {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: audience, iat: now, exp: now + 60, jti: crypto.randomUUID() }
  const signed = `${base64url(JSON.stringify({ alg: "EdDSA", typ: "JWT" }))}.${base64url(JSON.stringify(claims))}`
  return `${signed}.${crypto.sign(null, Buffer.from(signed), key).toString("base64url")}`
}

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  chunkSize: mode === "whole" ? Infinity : 1024 * 1024,
  uploadSize: fs.statSync(file).size,
  uploadUrl: mode === "resume" || mode === "end" ? fs.readFileSync(`${file}.url`, "utf8") : undefined,
  uploadDataDuringCreation: mode === "whole",
  metadata: { delivery: "d-1" },
  retryDelays: [100, 300, 1000],
  onBeforeRequest: (request) => request.setHeader("Authorization", `Bearer ${token()}`),
  onUploadUrlAvailable: () => fs.writeFileSync(`${file}.url`, upload.url),
  onChunkComplete: (size, accepted) => {
    if (mode === "broken" && accepted >= 3 * 1024 * 1024) process.exit(7)
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(upload.url),
})
if (mode === "end") {
  await tus.Upload.terminate(upload.options.uploadUrl, upload.options)
  console.log("terminated")
} else upload.start()
