global using AnoPLe.Gpu.Compute;
global using ILGPU;
global using ILGPU.Runtime;
global using Ops = AnoPLe.Gpu.Compute.Ops;
global using View = ILGPU.ArrayView<float>;
