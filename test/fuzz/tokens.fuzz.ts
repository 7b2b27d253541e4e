import { fuzz } from './fuzz.js';
import { tokens } from './serve/tokens.js';

fuzz(tokens);
