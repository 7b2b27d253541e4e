import { fuzz } from './fuzz.js';
import { bodies } from './serve/bodies.js';

fuzz(bodies);
