# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Where a tree of the cache is built. Part of cache.sh.
#
# Package managers flush each file to the disk by itself, for a system that is in use; this one is of no use before it is
# whole. An overlay mounted "volatile" makes their fsync(2) do nothing, without a library in the way; the sync of build_entry stands in
# for all. Two directories deep: the upper directory's own children get overlay attributes, what is below them has none.
enter_build_area() {
  build=$work/rootfs build_area=''
  mkdir "$work/area" "$work/area/lower" "$work/area/upper" "$work/area/work" "$work/area/merged"
  # A ":" or "," in the path would end it: relative names.
  if (cd "$work/area" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,volatile,index=off,metacopy=off merged) 2>/dev/null; then
    build_area=$work/area
    mkdir "$build_area/merged/deep"
    build=$build_area/merged/deep/rootfs
  fi
  (umask 022 && mkdir "$build") || die "cannot make '$build'"
}

finish_build_area() {
  if [ -n "$build_area" ]; then
    umount -R -- "$build_area/merged" || die "cannot unmount '$build_area/merged': something of the build still runs"
    mv -T -- "$build_area/upper/deep/rootfs" "$work/rootfs" || die "cannot rename '$build_area/upper/deep/rootfs'"
    build_area=''
  fi
  rm -rf --one-file-system -- "$work/area"
  build=$work/rootfs
}

# When the template ends: what is half-made goes. Called by at_exit.
leave_build_area() {
  if [ -n "$build_area" ]; then umount -R -- "$build_area/merged" 2>/dev/null || umount -R -l -- "$build_area/merged" 2>/dev/null || true; fi
  if [ -n "${work:-}" ]; then remove_tree "$work"; fi
}
