// A Node program with two callbacks that hold the loop up: one reads a FIFO whose writer is slow, one computes.
const fs = require('fs');

function readsFifo() {
  return fs.readFileSync(process.argv[2], 'utf8');
}

function computes() {
  const end = process.cpuUsage().user + 250000;
  let number = 0;
  while (process.cpuUsage().user < end) {
    for (let i = 0; i < 10000; i++) number += i;
  }
  return number;
}

setTimeout(() => {
  console.log(readsFifo());
  setTimeout(() => {
    computes();
    console.log('done');
  }, 20);
}, 20);
