// tus-js-client as a program that uploads a folder, so many files at once: node tus_many.cjs PACKAGES ENDPOINT AT_ONCE FOLDER
//
// Each file is one request after its creation, as the client does it by default. Exit status 0: all were uploaded.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [packageFolder, endpoint, atOnce, folder] = process.argv.slice(2);
const tus = createRequire(path.join(path.resolve(packageFolder), 'here.js'))('tus-js-client');
const waiting = fs.readdirSync(folder).sort();

function upload(name) {
  return new Promise((resolve, reject) => {
    new tus.Upload(fs.createReadStream(path.join(folder, name)), {
      endpoint, metadata: { filename: name }, retryDelays: null, chunkSize: Infinity, onError: reject, onSuccess: resolve,
    }).start();
  });
}

async function work() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await upload(name);
}

Promise.all(Array.from({ length: Number(atOnce) }, work)).then(() => process.exit(0), (error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
