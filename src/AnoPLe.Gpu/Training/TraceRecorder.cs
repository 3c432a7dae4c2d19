using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Writes named tensors as they are computed into one safetensors file. A safetensors file begins with all names and shapes, so the work is
/// done twice: a first run collects them, a second one, which computes the same, writes. So no more than one tensor is in memory.
/// </summary>
internal sealed class TraceRecorder
{
    private readonly Backend backend;
    private readonly List<SafetensorsDeclaration> declarations = [];
    private readonly HashSet<string> names = new(StringComparer.Ordinal);
    private SafetensorsWriter? writer;

    private TraceRecorder(Backend backend) => this.backend = backend;

    /// <summary>Does the work twice and writes the file. The earlier file of that name stays until the new one is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="backend">Where the tensors live.</param>
    /// <param name="metadata">What the file says of itself.</param>
    /// <param name="work">Computes and records; must do the same both times.</param>
    public static void Write(string path, Backend backend, Dictionary<string, string> metadata, Action<TraceRecorder> work)
    {
        var recorder = new TraceRecorder(backend);
        work(recorder);
        recorder.names.Clear();
        using var writer = recorder.writer = SafetensorsWriter.Create(path, recorder.declarations, metadata);
        work(recorder);
        writer.Commit();
    }

    /// <summary>An observer that records activations under a prefix, "act/".</summary>
    public ActivationObserver Under(string prefix) => (name, value) => Record(prefix + name, value);

    /// <summary>Records a tensor of the device; a name that was recorded already is skipped.</summary>
    public void Record(string name, Tensor tensor)
    {
        if (!names.Add(name))
            return;
        if (writer is null)
            declarations.Add(new(name, SafetensorsType.F32, tensor.Shape));
        else
            writer.Write(name, backend.Download(tensor));
    }

    /// <summary>Records values of the host.</summary>
    public void Record(string name, Shape shape, float[] values)
    {
        if (!names.Add(name))
            return;
        if (writer is null)
            declarations.Add(new(name, SafetensorsType.F32, shape));
        else
            writer.Write(name, values);
    }

    /// <summary>Records indices of the host.</summary>
    public void Record(string name, Shape shape, int[] values)
    {
        if (!names.Add(name))
            return;
        if (writer is null)
            declarations.Add(new(name, SafetensorsType.I32, shape));
        else
            writer.Write(name, values);
    }
}
