// tus-js-client as a program: node tus_client.cjs PACKAGES JOB
//
// JOB, in JSON: {endpoint, files: [{path, stream, options}…], storage, abortAt, exitAt}. All files are uploaded at once; once the
// server took so many bytes of one, it is terminated (abortAt), or the program ends (exitAt). Says what happens, a line of JSON
// each: {"event": "success", "file": 0, "url": …}. Exit status 0: every file ended as the job says, 1: not, 3: by exitAt.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const packages = createRequire(path.join(path.resolve(process.argv[2]), 'here.js'));
const tus = packages('tus-js-client');
const job = JSON.parse(process.argv[3]);

function say(event, file, more) {
  process.stdout.write(`${JSON.stringify({ event, file, ...more })}\n`);
}

// A stream has no name and no size: it is what a pipe would be.
function source(file) {
  if (file.stream) return fs.createReadStream(null, { fd: fs.openSync(file.path, 'r') });
  return fs.createReadStream(file.path);
}

function upload(file, number) {
  return new Promise((resolve) => {
    let going;
    const options = {
      endpoint: job.endpoint,
      chunkSize: Infinity,
      // About half a minute: a server that is started again has come back by then.
      retryDelays: [0, 20, 50, 100, 200, 400, 800].concat(Array(20).fill(1000)),
      ...file.options,
      storeFingerprintForResuming: Boolean(job.storage),
      urlStorage: job.storage ? new tus.FileUrlStorage(job.storage) : undefined,
      onError(error) {
        const answer = error.originalResponse;
        say('error', number, { text: error.message, status: answer ? answer.getStatus() : 0, url: going.url });
        resolve(false);
      },
      onSuccess() {
        say('success', number, { url: going.url });
        resolve(true);
      },
      onShouldRetry(error, attempt) {
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        say('retry', number, { attempt, status });
        return status < 400 || status >= 500 || status === 409 || status === 423; // as without this function
      },
      onChunkComplete(_size, accepted) {
        say('part', number, { accepted });
        if (job.exitAt && accepted >= job.exitAt) process.exit(3);
        if (job.abortAt && accepted >= job.abortAt && accepted < fs.statSync(file.path).size) {
          going.abort(true).then(() => {
            say('terminated', number, { url: going.url });
            resolve(true);
          }, (error) => {
            say('error', number, { text: error.message, status: 0 });
            resolve(false);
          });
        }
      },
    };
    going = new tus.Upload(source(file), options);
    const begin = job.storage
      ? going.findPreviousUploads().then((found) => {
        say('found', number, { uploads: found.length });
        if (found.length) going.resumeFromPreviousUpload(found[0]);
      })
      : Promise.resolve();
    begin.then(() => going.start());
  });
}

Promise.all(job.files.map(upload)).then((ended) => process.exit(ended.every(Boolean) ? 0 : 1));
