using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>What PyTorch's formats share: tensors are views of storages, which lie somewhere in the file.</summary>
internal abstract class TorchCheckpoint(string path, string format, TorchState state) : Checkpoint(path, format, state.Tensors, state.Metadata)
{
    // Tensors that share a storage are read on from where the last one ended, since entries of archives cannot be read backwards.
    private (string Key, StorageCursor Cursor)? open;
    private bool disposed;

    /// <summary>Opens a storage at its beginning.</summary>
    protected abstract StorageCursor OpenStorage(string key);

    protected override void Dispose(bool disposing)
    {
        disposed = true;
        open?.Cursor.Dispose();
        open = null;
    }

    private protected sealed override void ReadCore(CheckpointTensor tensor, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (destination.IsEmpty)
            return;
        PickleTensor view = state.Views[tensor.Name];
        string key = view.Storage.Key;
        if (open is not { } last || last.Key != key || last.Cursor.Position > view.Storage.Start + view.Offset * (view.Type.Bits() / 8))
        {
            open?.Cursor.Dispose();
            open = null;
            open = (key, OpenStorage(key));
        }
        TorchTensors.Copy(view, open.Value.Cursor, destination);
    }
}
