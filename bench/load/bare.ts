/** The reference: a bare node:http server that reads each request and answers at once, keeping nothing. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const tile = Buffer.alloc(8_192, 0xa5)
let size = 0

/** Answers as a log would: an index for each entry (batches have 1,000), and 8 KiB for every read. */
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (Buffer.concat(chunks).length === 0) return void response.end(tile)
    if (request.url === '/add') return void response.end(String(size++))
    response.end(`${Array.from({ length: 1_000 }, () => size++).join('\n')}\n`)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit())
