// Preloaded with `node --import`: loads the build of the addon that the environment variable KERNELS names instead of our own.
const file = process.env.KERNELS;
if (file === undefined) throw new Error('KERNELS must name a build of the addon');
const open = process.dlopen;
process.dlopen = (module: object, name: string, ...flags) =>
  open.call(process, module, name.endsWith('kernels.node') ? file : name, ...flags);
