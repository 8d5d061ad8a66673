import { createServer } from 'node:net'

// node echo-server.ts PATH: sends back what comes to a unix socket: what a round trip costs when nothing is done in it.

const [path = ''] = process.argv.slice(2)
createServer((socket) => {
  socket.on('error', () => undefined)
  socket.pipe(socket)
}).listen(path, () => console.log('listening'))
