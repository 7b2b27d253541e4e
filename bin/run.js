#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { execute } from '@oclif/core';

// oclif would look for plugins in the data folder: what lies beside the keys is no program, and may not be readable.
await execute({ loadOptions: { root: fileURLToPath(import.meta.url), userPlugins: false } });
