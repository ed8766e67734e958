// @tus/server as a user would set it up, which hashes what comes on its way and waits for the disk:
// `node tus_server.mjs disk FOLDER`, or `node tus_server.mjs bucket FOLDER ENDPOINT BUCKET REGION` with the login on
// standard input. Prints its port; then, for each upload that became whole, its SHA-256.
import { createHash } from "node:crypto"
import fs from "node:fs"
import { Transform } from "node:stream"
import { Server } from "@tus/server"

const [kind, folder, endpoint, bucket, region] = process.argv.slice(2)
const hashes = new Map()

function hashed(Store) {
  return class extends Store {
    write(stream, id, offset) {
      const hash = hashes.get(id) ?? createHash("sha256")
      hashes.set(id, hash)
      const hashing = new Transform({
        transform(block, _, done) {
          hash.update(block)
          done(null, block)
        },
      })
      stream.on("error", (error) => hashing.destroy(error))
      return super.write(stream.pipe(hashing), id, offset)
    }
  }
}

let datastore
if (kind === "disk") {
  const { FileStore } = await import("@tus/file-store")
  datastore = new (hashed(FileStore))({ directory: folder })
} else {
  const { S3Store } = await import("@tus/s3-store")
  const [accessKeyId, secretAccessKey] = fs.readFileSync(0, "utf8").trim().split("\n")
  const credentials = { accessKeyId, secretAccessKey }
  const s3ClientConfig = { bucket, region, endpoint, credentials, forcePathStyle: true }
  datastore = new (hashed(S3Store))({ partSize: 8 * 1024 * 1024, s3ClientConfig })
}
const server = new Server({
  path: "/files",
  datastore,
  async onUploadFinish(request, upload) {
    if (kind === "disk") {
      const file = await fs.promises.open(`${folder}/${upload.id}`)
      await file.sync()
      await file.close()
    }
    console.log(hashes.get(upload.id).digest("hex"))
    return {}
  },
})
const http = server.listen({ host: "127.0.0.1", port: 0 }, () => console.log(http.address().port))
