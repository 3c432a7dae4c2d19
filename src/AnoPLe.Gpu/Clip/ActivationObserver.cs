using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// Is shown every named activation at the moment it is complete, for instance "vis.L3.ln_1" or "txt.features". The tensor is scratch
/// memory that the next operation may overwrite: read it before returning. An encoder without an observer runs the same operations.
/// </summary>
/// <param name="name">Name of the activation, as in the tensor tables of ARCHITECTURE.md.</param>
/// <param name="value">The activation on the device.</param>
public delegate void ActivationObserver(string name, Tensor value);
