import type * as published from "./build/api";

// The package's types are of 2026-07-17. On 2026-07-21 the states became three, and got these names.
type Syncing = Omit<published.ActiveDataSyncInProgress, "type"> & { type: "snapshotting" };
type Synced = Omit<published.ActiveDataSyncSynced, "type"> & { type: "stale" | "upToDate" };
type Status = { type: "snapshotting" } | { type: "stale" | "upToDate"; snapshotTs: number };
type ActiveSync = Omit<published.ActiveDataSync, "status"> & { status: Syncing | Synced };

export type Request = published.DataSyncArgs;
export type Response = Omit<published.DataSyncResponse, "status"> & { status: Status };
export type ActiveSyncs = Omit<published.ListActiveSyncsResponse, "syncs"> & { syncs: ActiveSync[] };
