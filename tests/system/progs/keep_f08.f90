! SPDX-License-Identifier: BSD-3-Clause
! keep_f08.f90 - keeps state from Fortran, for t0720-languages.sh: two ranks, each reads the
! other's, too.
program keep_f08
    use mpi_f08
    use ftmpi
    use, intrinsic :: iso_c_binding
    implicit none
    integer :: rank, ierror, fetched, i
    integer, asynchronous :: step
    real(8), allocatable, asynchronous :: field(:, :)
    real(8) :: others(300, 200)
    complex, target :: strided(10)
    integer(c_int64_t) :: bytes
    type(FTMPI_Kept_t) :: kept

    call MPI_Init()
    call MPI_Comm_rank(MPI_COMM_WORLD, rank)
    allocate (field(300, 200))
    call FTMPI_Keep('step', step, ierror)
    call check(ierror == MPI_SUCCESS, 'a scalar is kept')
    call FTMPI_Keep('field', field, ierror)
    call check(ierror == MPI_SUCCESS, 'an array is kept')
    call FTMPI_Keep('strided', strided(1:10:2), ierror)
    call check(ierror == MPI_ERR_BUFFER, 'an array with gaps is refused')
    call FTMPI_Forget('strided', ierror)
    call check(ierror == MPI_ERR_ARG .and. index(FTMPI_Last_error(), '"strided"') > 0, 'and named')
    do i = 1, 3
        step = i
        field = 100*rank + i
        call FTMPI_Commit(step, ierror)
        call check(ierror == MPI_SUCCESS, 'a commit')
        call FTMPI_Commit_wait(30000, ierror)
        call check(ierror == MPI_SUCCESS, 'is complete')
    end do
    call FTMPI_Kept(-1, 0, kept, ierror)
    call check(all(kept%versions == [3, 2]) .and. kept%partner == 1 - rank, 'at the other rank')
    call MPI_Barrier(MPI_COMM_WORLD)
    call FTMPI_Fetch_buffer(1 - rank, 'field', 2, others, bytes, 30000, ierror)
    call check(ierror == MPI_SUCCESS .and. bytes == 8*size(others), 'the other''s field')
    call check(all(others == 100*(1 - rank) + 2), 'as it was')
    step = -1
    field = -1
    call FTMPI_Fetch(2, 30000, fetched, ierror)
    call check(ierror == MPI_SUCCESS .and. fetched == 2 .and. step == 2, 'the own commit before')
    call check(all(field == 100*rank + 2), 'as it was')
    print '(a,i0,a)', 'rank ', rank, ': all as it was'
    call MPI_Barrier(MPI_COMM_WORLD)
    call MPI_Finalize()

contains

    subroutine check(is_so, what)
        logical, intent(in) :: is_so
        character(*), intent(in) :: what

        if (is_so) return
        print '(a,i0,4a)', 'rank ', rank, ': not so: ', what, '. ', FTMPI_Last_error()
        call MPI_Abort(MPI_COMM_WORLD, 1)
    end subroutine
end program
