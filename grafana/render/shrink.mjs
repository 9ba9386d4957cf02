// Reads a PNG from standard input, writes it with a palette of 256 colours to standard output: a third of the size.
import { buffer } from 'node:stream/consumers';

import UPNG from 'upng-js';

const COLOURS = 256;
const image = UPNG.decode(await buffer(process.stdin));
const small = UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, COLOURS);
process.stdout.write(Buffer.from(small));
