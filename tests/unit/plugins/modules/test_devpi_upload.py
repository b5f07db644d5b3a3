def test_bundle_that_changed_after_it_was_verified_is_refused_with_both_ids(tmp_path):
    manifest = seal(str(tmp_path))
    assert devpi_upload.files_of_bundle(str(tmp_path), manifest["id"]) == manifest["files"]
    with pytest.raises(AirgapError, match="is bundle %s, and bundle_id is %s" % (manifest["id"], "a" * 32)):
        devpi_upload.files_of_bundle(str(tmp_path), "a" * 32)
