// @tus/server as a program: node tus_server.cjs PACKAGES DIRECTORY ADDRESS PORT
//
// Takes uploads at /files/ into DIRECTORY/files; for each that is whole a line of JSON goes to DIRECTORY/finished.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [packageFolder, directory, address, port] = process.argv.slice(2);
const packages = createRequire(path.join(path.resolve(packageFolder), 'here.js'));
const { Server } = packages('@tus/server');
const { FileStore } = packages('@tus/file-store');

const server = new Server({
  path: '/files',
  datastore: new FileStore({ directory: path.join(directory, 'files') }),
  async onUploadFinish(_request, response, upload) {
    const told = { id: upload.id, size: upload.size, metadata: upload.metadata };
    fs.appendFileSync(path.join(directory, 'finished'), `${JSON.stringify(told)}\n`);
    return response;
  },
});
server.listen({ host: address, port: Number(port) });
