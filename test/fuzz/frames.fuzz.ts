import { fuzz } from './fuzz.js';
import { frames } from './serve/frames.js';

fuzz(frames);
